// The rows for bundlers and file tracers.
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binary, copyBinaries, guide, program, run } from './project.js';

const PLUGIN = ['@rollup/plugin-node-resolve'];
const COPY = 'copy `prebuilds` beside the bundle';
const NOTHING = '';

/**
 * Checks a bundle that `build(bench, project)` writes to out/main.*, with the binaries beside it, in an empty folder.
 */
function copied(build, main = 'main.js') {
  return async (bench) => {
    const project = bench.project({ 'main.js': program });
    await build(bench, project);
    copyBinaries(project);
    bench.works(bench.deploy(project), main);
  };
}

/** As `copied`, but the tool itself includes the binary. */
function followed(build, main = 'main.js') {
  return async (bench) => {
    const project = bench.project({ 'main.js': program });
    await build(bench, project);
    bench.works(bench.deploy(project), main);
  };
}

const esbuild =
  (options, entry = 'main.js') =>
  async (bench, cwd) => {
    const { default: tool } = await bench.import('esbuild', 'lib/main.js');
    await tool.build({
      absWorkingDir: cwd,
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      logLevel: 'error',
      ...options,
    });
  };

const rollup = (format, file) => async (bench, cwd) => {
  const { rollup: tool } = await bench.import('rollup', 'dist/es/rollup.js');
  const { nodeResolve } = await bench.import('@rollup/plugin-node-resolve', 'dist/es/index.js');
  const onwarn = ({ code, message }) => {
    // The compiler's helpers for 'using' refer to 'this', which is undefined in a module.
    if (code !== 'THIS_IS_UNDEFINED') throw new Error(message);
  };
  const bundle = await tool({ input: join(cwd, 'main.js'), plugins: [nodeResolve()], external: /^node:/, onwarn });
  await bundle.write({ format, file: join(cwd, 'out', file) });
};

const rolldown = (format, file) => async (bench, cwd) => {
  const { rolldown: tool } = await bench.import('rolldown', 'dist/index.mjs');
  const bundle = await tool({ input: join(cwd, 'main.js'), platform: 'node', cwd, logLevel: 'silent' });
  await bundle.write({ format, file: join(cwd, 'out', file) });
};

const webpack =
  ({ output, ...rest }) =>
  async (bench, cwd) => {
    const { default: tool } = await bench.import('webpack', 'lib/index.js');
    const options = {
      mode: 'production',
      target: 'node20',
      context: cwd,
      entry: './main.js',
      ...rest,
      output: { path: join(cwd, 'out'), ...output },
    };
    const stats = await new Promise((resolve, reject) =>
      tool(options, (error, done) => (error ? reject(error) : resolve(done))),
    );
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
  };

const vite = (ssr) => async (bench, cwd) => {
  const { build } = await bench.import('vite', 'dist/node/index.js');
  await build({ root: cwd, logLevel: 'error', ssr, build: { ssr: 'main.js', outDir: 'out', target: 'node20' } });
};

/** A file `binary.js` selects what esbuild makes of the binary, before the package is evaluated. */
const chosen = (loader, format, chooses) => async (bench) => {
  const project = bench.project({
    'main.js': `import './binary.js';\nimport './program.js';`,
    'binary.js': chooses,
    'program.js': program,
  });
  const outExtension = { '.js': format === 'esm' ? '.mjs' : '.cjs' };
  const logOverride = { 'empty-import-meta': 'silent' };
  await esbuild({ outdir: 'out', format, outExtension, loader: { '.node': loader }, logOverride })(bench, project);
  bench.works(bench.deploy(project), `main${outExtension['.js']}`);
};

export const bundlers = [
  {
    tool: 'esbuild',
    how: 'ES module',
    todo: COPY,
    short: true,
    check: copied(esbuild({ format: 'esm', outfile: 'out/main.mjs' }), 'main.mjs'),
  },
  {
    tool: 'esbuild',
    how: 'CommonJS',
    todo: COPY,
    short: true,
    check: copied(
      esbuild({ format: 'cjs', outfile: 'out/main.cjs', logOverride: { 'empty-import-meta': 'silent' } }),
      'main.cjs',
    ),
  },
  {
    tool: 'esbuild',
    how: 'ES module, minified',
    todo: COPY,
    check: copied(esbuild({ format: 'esm', outfile: 'out/main.mjs', minify: true }), 'main.mjs'),
  },
  {
    tool: 'esbuild',
    how: '`--loader:.node=file`',
    todo: '`useBinary` with the URL',
    check: chosen('file', 'esm', guide('--loader:.node=file')),
  },
  {
    tool: 'esbuild',
    how: '`--loader:.node=copy`, CommonJS',
    todo: '`useBinary(require(...))`',
    check: chosen(
      'copy',
      'cjs',
      `import { useBinary } from 'sys-socket/binary';
useBinary(require('sys-socket/${binary}'));`,
    ),
  },
  {
    tool: 'esbuild',
    how: '`--packages=external`',
    todo: 'install the package where it runs',
    check: async (bench) => {
      const project = bench.project({ 'main.js': program });
      await esbuild({ format: 'esm', outfile: 'out/main.js', packages: 'external' })(bench, project);
      bench.works(project, 'out/main.js');
    },
  },
  {
    tool: 'esbuild',
    how: 'bundled, run where the package is installed',
    todo: NOTHING,
    check: async (bench) => {
      const project = bench.project({ 'main.js': program });
      await esbuild({ format: 'esm', outfile: 'build/server/main.js' })(bench, project);
      bench.works(project, 'build/server/main.js');
    },
  },
  { tool: 'rollup', needs: PLUGIN, how: 'ES module', todo: COPY, check: copied(rollup('es', 'main.mjs'), 'main.mjs') },
  { tool: 'rollup', needs: PLUGIN, how: 'CommonJS', todo: COPY, check: copied(rollup('cjs', 'main.cjs'), 'main.cjs') },
  { tool: 'rolldown', how: 'ES module', todo: COPY, check: copied(rolldown('esm', 'main.mjs'), 'main.mjs') },
  { tool: 'rolldown', how: 'CommonJS', todo: COPY, check: copied(rolldown('cjs', 'main.cjs'), 'main.cjs') },
  {
    tool: 'webpack',
    how: 'CommonJS',
    todo: NOTHING,
    check: followed(webpack({ output: { filename: 'main.cjs' } }), 'main.cjs'),
  },
  {
    tool: 'webpack',
    how: 'ES module',
    todo: NOTHING,
    check: followed(
      webpack({
        experiments: { outputModule: true },
        output: { module: true, chunkFormat: 'module', filename: 'main.mjs' },
      }),
      'main.mjs',
    ),
  },
  {
    tool: 'vite',
    how: 'SSR',
    todo: 'install the package where it runs',
    check: async (bench) => {
      const project = bench.project({ 'main.js': program });
      await vite({})(bench, project);
      bench.works(project, 'out/main.js');
    },
  },
  {
    tool: 'vite',
    how: 'SSR, `noExternal`',
    todo: COPY,
    check: copied(async (bench, project) => {
      await vite({ noExternal: true })(bench, project);
      copyFileSync(join(project, 'package.json'), join(project, 'out/package.json'));
    }),
  },
  {
    tool: '@vercel/ncc',
    how: 'ES module',
    todo: NOTHING,
    check: followed(
      (bench, cwd) =>
        run(process.execPath, [bench.tool('@vercel/ncc', 'dist/ncc/cli.js'), 'build', 'main.js', '-o', 'out', '-q'], {
          cwd,
        }),
      'index.js',
    ),
  },
  {
    tool: '@vercel/nft',
    how: 'the traced files, as in the standalone output of Next.js',
    todo: NOTHING,
    short: true,
    check: async (bench) => {
      const project = bench.project({ 'main.js': program });
      const { nodeFileTrace } = await bench.import('@vercel/nft', 'out/index.js');
      const { fileList, warnings } = await nodeFileTrace([join(project, 'main.js')], { base: project });
      if (warnings.size > 0) throw new Error([...warnings].join('\n'));
      for (const path of fileList) {
        mkdirSync(dirname(join(project, 'out', path)), { recursive: true });
        copyFileSync(join(project, path), join(project, 'out', path));
      }
      for (const path of fileList) {
        if (/\.(cc|h|ts|gypi)$/.test(path)) throw new Error(`it traced more than it needs: ${path}`);
      }
      bench.works(bench.deploy(project), 'main.js');
    },
  },
];
