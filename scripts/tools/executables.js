// The rows for single executables, copied installations, and running TypeScript.
import { copyFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { binary, expectWorks, guide, program, run, write } from './project.js';

const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const NAME = 'sys-socket.node';

/**
 * Builds out/program from a main file and optional assets, with the oldest and the newest Node, and runs it in an empty
 * folder.
 */
function executable({ main, files = {}, assets, bundled = true, beside }) {
  return async (bench) => {
    const { default: esbuild } = await bench.import('esbuild', 'lib/main.js');
    for (const node of [bench.nodes.at(0), bench.nodes.at(-1)]) {
      const project = bench.project({ 'main.js': main, ...files }, { type: 'commonjs' });
      mkdirSync(join(project, 'out'));
      if (bundled) {
        const logOverride = { 'empty-import-meta': 'silent' };
        const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error', logOverride };
        await esbuild.build({ absWorkingDir: project, entryPoints: ['main.js'], outfile: 'bundle.cjs', ...options });
      }
      const input = bundled ? 'bundle.cjs' : 'main.js';
      const config = { main: input, output: 'program.blob', disableExperimentalSEAWarning: true, assets };
      write(project, { 'sea.json': JSON.stringify(config) });
      run(node, ['--experimental-sea-config', 'sea.json'], { cwd: project });
      copyFileSync(node, join(project, 'out/program'));
      const inject = [bench.tool('postject', 'dist/cli.js'), 'out/program', 'NODE_SEA_BLOB', 'program.blob'];
      run(node, [...inject, '--sentinel-fuse', FUSE], { cwd: project });
      if (beside) cpSync(join(project, beside), join(project, 'out', basename(beside)), { recursive: true });
      const folder = bench.deploy(project);
      expectWorks(run(join(folder, 'program'), [], { cwd: folder }), `a single executable of ${node}`);
      rmSync(folder, { recursive: true });
    }
  };
}

export const executables = [
  {
    tool: 'postject',
    needs: ['esbuild'],
    how: 'single executable, bundled by esbuild',
    todo: 'copy `prebuilds` beside the executable',
    check: executable({ main: program, beside: 'node_modules/sys-socket/prebuilds' }),
  },
  {
    tool: 'postject',
    needs: ['esbuild'],
    how: 'single executable, the binary an asset',
    todo: '`useBinary` with the asset in a temporary file',
    check: executable({
      main: `import './binary.js';\nimport './program.js';`,
      files: {
        'program.js': program,
        'binary.js': guide('node:sea'),
      },
      assets: { [NAME]: join('node_modules/sys-socket', binary) },
    }),
  },
  {
    tool: 'postject',
    needs: ['esbuild'],
    how: 'single executable, not bundled: `createRequire(process.execPath)`',
    todo: 'install the package beside the executable',
    check: executable({
      main: `
        const require_ = require('node:module').createRequire(process.execPath);
        const { Socket } = require_('sys-socket');
        const [a, b] = Socket.pair();
        a.sendAll('works').then(() => b.recv()).then((data) => console.log(String(data)));`,
      bundled: false,
      beside: 'node_modules',
    }),
  },
  {
    tool: 'copied files',
    how: 'a bundle and one binary, named by `SYS_SOCKET_BINARY`',
    todo: 'set the variable',
    needs: ['esbuild'],
    version: () => '',
    check: async (bench) => {
      const { default: esbuild } = await bench.import('esbuild', 'lib/main.js');
      const project = bench.project({ 'main.js': program });
      const options = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error' };
      await esbuild.build({ absWorkingDir: project, entryPoints: ['main.js'], outfile: 'out/main.mjs', ...options });
      copyFileSync(join(project, 'node_modules/sys-socket', binary), join(project, 'out', basename(binary)));
      const folder = bench.deploy(project);
      for (const node of bench.nodes) {
        expectWorks(
          run(node, ['main.mjs'], { cwd: folder, env: { SYS_SOCKET_BINARY: join(folder, basename(binary)) } }),
          node,
        );
      }
    },
  },
  {
    tool: 'tsx',
    how: 'TypeScript in an ES module, from Node 22 on in CommonJS as well',
    todo: '',
    check: (bench) => {
      const project = bench.project({ 'main.mts': program, 'main.cts': program }, { tools: ['tsx'] });
      for (const node of bench.nodes) {
        // On Node 20, its loader cannot require an ES module that imports other modules.
        const files = bench.major(node) === 20 ? ['main.mts'] : ['main.mts', 'main.cts'];
        for (const file of files) expectWorks(run(node, ['--import', 'tsx', file], { cwd: project }), node);
      }
    },
  },
];
