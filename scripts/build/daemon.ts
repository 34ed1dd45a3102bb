import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundle guestfsd into one file, which runs where nothing but Node is: in the appliance. */
export async function buildDaemon(root: string): Promise<void> {
  const outfile = join(root, 'dist', 'bin', 'guestfsd.cjs');
  await build({
    entryPoints: [join(root, 'src', 'guestfsd', 'main.ts')],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    minify: true,
    external: ['koffi'],
    // The file has no such thing: who asks for it falls back to the program's own path.
    define: { 'import.meta.url': 'undefined' },
    banner: { js: '#!/usr/bin/env node' },
    legalComments: 'none',
    logLevel: 'warning',
  });
  chmodSync(outfile, 0o755);
}
