import { packageVersion } from '../actions/version.ts';
import { Daemon, type Implementations } from '../daemon/daemon.ts';
import { GuestfsError } from '../errors/index.ts';
import type { Attachment } from '../platform/attachment.ts';
import type { Platform } from '../platform/contract.ts';
import { DaemonChannel } from '../rpc/daemon-channel.ts';
import { DaemonServer } from '../rpc/serve.ts';
import type { Transport } from '../rpc/transport.ts';
import { openChannel } from './channel.ts';
import { StopRequest } from './stop-request.ts';
import { listen } from './listen.ts';
import { HELP, parseOptions, type DaemonOptions } from './options.ts';

/** What the program gets from its surroundings. */
export interface DaemonWorld {
  /** Make what is served. */
  createPlatform(options: DaemonOptions, warn: (message: string) => void): ServedPlatform;
  /** Take over other disks, where this is an appliance. */
  attach(attachment: Attachment): void;
  /** The actions that are served. */
  readonly actions: Implementations;
  out(text: string): void;
  /** Standard error: what the library shows as messages of the appliance. */
  log(line: string): void;
  /** Hears how the daemon is stopped: between two calls, and in order. */
  stop?(end: () => void): void;
}

/** A platform that may want to hear that a call is over. */
export interface ServedPlatform extends Platform {
  release?(): void;
}

/** The program guestfsd: serve a platform until there is nobody left. Returns the exit status. */
export async function guestfsd(args: readonly string[], world: DaemonWorld): Promise<number> {
  const say = (message: string): void => world.log(`guestfsd: ${message}`);
  try {
    const options = parseOptions(args);
    if (options === 'help') world.out(HELP);
    else if (options === 'version') world.out(`guestfsd ${packageVersion}\n`);
    else await run(options, world, say);
    return 0;
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    say(error.message);
    return 1;
  }
}

async function run(
  options: DaemonOptions,
  world: DaemonWorld,
  say: (message: string) => void,
): Promise<void> {
  const stop = new StopRequest(world.stop);
  if (options.listen === undefined) {
    await serveChannel(options, world, { say, stop });
    return;
  }
  const serveOne = async (transport: Transport): Promise<void> => {
    try {
      // Each library finds the machine as it is: nothing that another one opened.
      await serve(transport, options, world, { say, stop });
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      say(error.message);
    }
    if (options.listen?.once) stop.request();
  };
  if (options.verbose) say(`waiting at ${options.listen.path}`);
  await listen(options.listen.path, serveOne, stop);
}

/** What all that serves has to do with. */
interface Surroundings {
  say: (message: string) => void;
  stop: StopRequest;
}

/** Serve what is at the other end of a channel; in a guest that is served itself, one library after the other. */
async function serveChannel(
  options: DaemonOptions,
  world: DaemonWorld,
  surroundings: Surroundings,
): Promise<void> {
  for (;;) {
    // Opened anew for each library: what was on its way from the one before is dropped.
    const { transport, isPort, close } = openChannel(options.channel);
    if (options.verbose && options.live) surroundings.say('waiting for a library');
    try {
      await serve(transport, options, world, surroundings);
    } finally {
      close();
    }
    if (!isPort || !options.live || surroundings.stop.requested) return;
  }
}

async function serve(
  transport: Transport,
  options: DaemonOptions,
  { actions, attach, createPlatform }: DaemonWorld,
  { say, stop }: Surroundings,
): Promise<void> {
  const server = new DaemonServer(new DaemonChannel(transport), {
    log: say,
    answered: () => platform.release?.(),
    ...(options.machine ? { attach } : {}),
    ...(options.verbose ? { trace: say } : {}),
  });
  const platform = createPlatform(options, (message) => server.hooks.warn(message));
  try {
    const daemon = new Daemon(platform, server.hooks, actions);
    const reason = await server.serveWhile(daemon, () => stop.notYet());
    if (options.verbose) say(reason);
    platform.sync();
  } finally {
    platform.close();
  }
}
