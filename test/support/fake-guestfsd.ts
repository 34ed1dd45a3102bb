/** guestfsd over a platform without anything: for tests of what is around the actions. */
import { guestfsd } from '../../src/guestfsd/guestfsd.ts';
import { emptyPlatform, fakeActions } from './fake-engine.ts';

process.exitCode = await guestfsd(process.argv.slice(2), {
  createPlatform: (_options, warn) => emptyPlatform({ drives: [], warn }),
  attach: () => undefined,
  actions: fakeActions,
  out: (text) => void process.stdout.write(text),
  log: (line) => void process.stderr.write(`${line}\n`),
  stop: (end) => void process.on('SIGTERM', end),
});
