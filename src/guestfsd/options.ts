import { parseArgs } from 'node:util';
import { GuestfsError } from '../errors/index.ts';

/** What the command line asks for. */
export interface DaemonOptions {
  /** Where the library is: a device or `fd:N`; absent: the port of the machine. */
  channel?: string;
  /** Unix socket to wait for libraries at; `once`: for one of them only. */
  listen?: { path: string; once: boolean };
  /** Serve the machine itself, not disks that a library mounts. */
  live: boolean;
  verbose: boolean;
  network: boolean;
  /** The machine is an appliance, which may be stopped and go on elsewhere. */
  machine: boolean;
  /** Folder below which the guest's filesystems are mounted. */
  sysroot?: string;
}

/** What `guestfsd --help` says. */
export const HELP = `guestfsd: serve this machine's disks to a guestfs or libguestfs library

Usage: guestfsd [-r] [-v] [-n] [--channel PATH|fd:N | --listen unix:PATH]

  -c, --channel PATH   the virtio-serial port to speak through; default: the port named
                       org.libguestfs.channel.0
  -c, --channel fd:N   an open socket, by its descriptor
      --listen unix:PATH
                       wait for libraries at a Unix socket, which only this user may connect to;
                       one library at a time, the next when it has gone
  -l, --listen         the same at the PATH that --channel names, for one library only
  -r, --root           serve the running system itself: its root directory is the guest's, and
                       what a library mounts stays; with a port, one library after the other
      --sysroot DIR    mount the guest's filesystems below DIR; default: /sysroot
      --machine        this system is an appliance: its library may give it other disks
  -n, --network        let programs of the guest use the network
  -v, --verbose        say on standard error what is done
  -?, --help           show this text
      --version        show the version

It ends in order at SIGTERM, SIGINT and SIGHUP, after the call that runs.

To serve a running guest, give it a virtio-serial channel (here with libvirt)

  <channel type='unix'><target type='virtio' name='org.libguestfs.channel.0'/></channel>

and in the guest run, as root:  guestfsd -r
and on the host:                guestfish --live -d GUEST run : ll /
or, without libvirt, with the socket of that channel:
                                LIBGUESTFS_BACKEND=unix:PATH guestfish run : ll /

To try it without a machine:    guestfsd -r --listen unix:/tmp/guestfsd.sock
and in another terminal:        LIBGUESTFS_BACKEND=unix:/tmp/guestfsd.sock guestfish run : ll /
`;

/** The command line taken apart: options, or a text to print and leave. Throws EINVAL for what it does not know. */
export function parseOptions(args: readonly string[]): DaemonOptions | 'help' | 'version' {
  let values;
  try {
    ({ values } = parseArgs({
      args: args.map((argument, at) => {
        // As libguestfs has it, --listen takes no value.
        return argument === '--listen' && !args[at + 1]?.startsWith('unix:') ? '-l' : argument;
      }),
      options: {
        channel: { type: 'string', short: 'c' },
        listen: { type: 'string' },
        'listen-at-channel': { type: 'boolean', short: 'l' },
        root: { type: 'boolean', short: 'r' },
        sysroot: { type: 'string' },
        machine: { type: 'boolean' },
        network: { type: 'boolean', short: 'n' },
        verbose: { type: 'boolean', short: 'v' },
        help: { type: 'boolean', short: '?' },
        version: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new GuestfsError('EINVAL', (error as Error).message);
  }
  if (values.help) return 'help';
  if (values.version) return 'version';
  const options: DaemonOptions = {
    live: values.root ?? false,
    verbose: values.verbose ?? false,
    network: values.network ?? false,
    machine: values.machine ?? false,
  };
  const { channel, listen, sysroot } = values;
  if (sysroot !== undefined) {
    if (values.root) throw new GuestfsError('EINVAL', '--root and --sysroot exclude each other');
    options.sysroot = sysroot;
  }
  if (listen !== undefined) {
    if (channel !== undefined) throw new GuestfsError('EINVAL', '--listen and --channel exclude each other');
    options.listen = { path: socketPath(listen, '--listen'), once: false };
  } else if (values['listen-at-channel']) {
    if (channel === undefined) throw new GuestfsError('EINVAL', '-l needs --channel PATH: where to wait');
    const path = channel.startsWith('unix:') ? socketPath(channel, '--channel') : channel;
    options.listen = { path, once: true };
  } else if (channel !== undefined) options.channel = channel;
  return options;
}

function socketPath(place: string, option: string): string {
  if (place.startsWith('unix:') && place.length > 5) return place.slice(5);
  throw new GuestfsError('EINVAL', `${option} ${place}: expected unix:PATH`);
}
