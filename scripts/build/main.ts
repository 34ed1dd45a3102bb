/**
 * Builds `dist/`: the library as ES modules with types (tsc), the engine's worker as one bundled module, and the
 * tools as one CommonJS bundle with a V8 code cache, which starts in about the time that Node itself takes.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildDaemon } from './daemon.ts';
import { buildTools } from './tools.ts';
import { buildWorker } from './worker.ts';

const root = join(import.meta.dirname, '..', '..');
rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
await buildWorker(root);
await buildTools(root);
await buildDaemon(root);
