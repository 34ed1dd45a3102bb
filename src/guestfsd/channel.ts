import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { GuestfsError, isErrorCode } from '../errors/index.ts';
import { DescriptorTransport } from '../rpc/transport.ts';

/** Name of the port that libraries give a machine. */
const PORT = 'org.libguestfs.channel.0';
const PORTS = '/sys/class/virtio-ports';

/** Device of the port of this machine: there may be no udev that makes a link by its name. Throws ENODEV. */
function findPort(): string {
  let ports: string[] = [];
  try {
    ports = readdirSync(PORTS);
  } catch {
    // No port at all.
  }
  for (const port of ports) {
    try {
      if (readFileSync(`${PORTS}/${port}/name`, 'utf8').trim() === PORT) return `/dev/${port}`;
    } catch {
      // A port without a name.
    }
  }
  throw new GuestfsError(
    'ENODEV',
    `this machine has no virtio-serial port named ${PORT}; --channel can name another place`,
  );
}

/** An open channel. */
interface OpenChannel {
  transport: DescriptorTransport;
  /** It is a port, through which one library can come after the other. */
  isPort: boolean;
  close(): void;
}

/** Open the channel that the command line names: `fd:N`, the path of a port, or by default the port of the machine. */
export function openChannel(channel: string | undefined): OpenChannel {
  const descriptor = /^fd:(\d{1,9})$/.exec(channel ?? '');
  if (descriptor !== null) {
    const fd = Number(descriptor[1]);
    return about(`fd:${fd}`, () => {
      fstatSync(fd);
      return { transport: new DescriptorTransport(fd), isPort: false, close: () => closeSync(fd) };
    });
  }
  const path = channel ?? findPort();
  return about(path, () => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const isPort = fstatSync(fd).isCharacterDevice();
    const transport = new DescriptorTransport(fd, { nonBlocking: true, pages: isPort });
    return { transport, isPort, close: () => closeSync(fd) };
  });
}

function about<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new GuestfsError(isErrorCode(code) ? code : 'EIO', `${what}: cannot open the channel: ${message}`, {
      cause: error,
      path: what,
    });
  }
}
