import { join } from 'node:path';
import { build } from 'esbuild';

/** Replace the compiled worker by one bundled module: a worker that loads one file starts sooner. */
export async function buildWorker(root: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'src', 'backends', 'engine', 'engine-worker.ts')],
    outfile: join(root, 'dist', 'backends', 'engine', 'engine-worker.js'),
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'bundle',
    external: ['koffi'],
    legalComments: 'none',
    logLevel: 'warning',
  });
}
