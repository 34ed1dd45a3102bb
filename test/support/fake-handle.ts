import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { OwnThreadBackend } from '../../src/backends/engine/own-thread.ts';
import { WorkerBackend, type WorkerOptions } from '../../src/backends/engine/worker-backend.ts';
import { BACKEND, backendEvents, Guestfs } from '../../src/handle/guestfs.ts';
import { emptyPlatform, fakeActions } from './fake-engine.ts';
import { temporaryFolder } from './tools.ts';

let worker: URL | undefined;

/** The fake engine's worker as one bundled file: it starts much faster than from its sources. */
function fakeWorker(): URL {
  if (worker !== undefined) return worker;
  const folder = temporaryFolder();
  process.on('exit', () => folder.remove());
  const outfile = join(folder.path, 'worker.mjs');
  buildSync({
    entryPoints: [fileURLToPath(new URL('./fake-engine-worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  worker = pathToFileURL(outfile);
  return worker;
}

/** A handle on the fake engine, in this thread or a worker. */
export function fakeHandle(thread: 'own' | 'worker', limits: WorkerOptions = {}): Guestfs {
  return new Guestfs({
    environment: false,
    [BACKEND]: (core) =>
      thread === 'own'
        ? new OwnThreadBackend(emptyPlatform, backendEvents(core), fakeActions)
        : new WorkerBackend(backendEvents(core), {
            entry: fakeWorker(),
            ...limits,
          }),
  });
}

/** A launched handle on the fake engine with one drive. */
export async function launchedFake(thread: 'own' | 'worker', limits: WorkerOptions = {}): Promise<Guestfs> {
  const g = fakeHandle(thread, limits);
  await g.addDrive('/dev/null');
  await g.launch();
  return g;
}
