// The tools, and the versions with which the package is checked: the name, and what npm installs under it.
import { compilers } from './typescript.js';

export const pinned = {
  '@homebridge/dbus-native': '0.7.9',
  '@rollup/plugin-node-resolve': '16.0.3',
  '@types/node': '20.19.43',
  '@vercel/ncc': '0.45.0',
  '@vercel/nft': '1.11.5',
  ava: '7.0.0',
  'dbus-next': '0.10.2',
  esbuild: '0.28.2',
  express: '5.3.0',
  fastify: '5.12.8',
  ioredis: '5.11.1',
  jest: '30.5.2',
  mysql2: '3.24.6',
  postject: '1.0.0-alpha.6',
  rolldown: '1.3.2',
  rollup: '4.68.8',
  tsx: '4.23.15',
  undici: '7.30.2',
  vite: '8.3.8',
  vitest: '4.1.12',
  webpack: '5.112.2',
  ws: '8.23.0',
  ...compilers,
};
