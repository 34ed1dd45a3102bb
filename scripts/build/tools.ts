import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Names of the commands, out of package.json, so that none is built without being installed or the reverse. */
function toolNames(root: string): string[] {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  return Object.keys(bin);
}

/** Bundle the tools and write the small files that npm links as commands. */
export async function buildTools(root: string): Promise<void> {
  const folder = join(root, 'dist', 'bin');
  mkdirSync(folder, { recursive: true });
  const common = {
    bundle: true,
    format: 'cjs' as const,
    platform: 'node' as const,
    target: 'node20',
    external: ['koffi'],
    minify: true,
    keepNames: true,
    legalComments: 'none' as const,
    logLevel: 'warning' as const,
    // The library finds its worker beside itself; the tools run the engine in their own thread.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  };
  await build({
    ...common,
    entryPoints: [join(root, 'src', 'tools', 'main.ts')],
    outfile: join(folder, 'tools.cjs'),
  });
  await build({
    ...common,
    entryPoints: [join(root, 'scripts', 'build', 'start.cjs')],
    outfile: join(folder, 'start.cjs'),
    banner: {},
    define: {},
  });
  for (const name of toolNames(root)) {
    const path = join(folder, `${name}.cjs`);
    writeFileSync(path, `#!/usr/bin/env node\nrequire('./start.cjs').start(${JSON.stringify(name)});\n`);
    chmodSync(path, 0o755);
  }
  const cached = spawnSync(process.execPath, [join(folder, 'start.cjs'), '--write-code-cache'], {
    stdio: 'inherit',
  });
  if (cached.status !== 0) throw new Error('the code cache of the tools could not be written');
}
