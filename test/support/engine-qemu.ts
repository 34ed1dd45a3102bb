/**
 * Stands in for qemu under a stock libguestfs: instead of starting a machine it connects to the channel that the
 * library listens at, and serves the drives of the command line with our daemon over the engine.
 */
import { createConnection } from 'node:net';
import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { createEnginePlatform, type DriveConfig } from '../../src/platform/engine/index.ts';
import { DaemonChannel } from '../../src/rpc/daemon-channel.ts';
import { DaemonServer } from '../../src/rpc/serve.ts';
import { DescriptorTransport } from '../../src/rpc/transport.ts';

const args = process.argv.slice(2);

/** `key=value,...` of an option of qemu as an object. */
function properties(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((item) => item.split('=', 2) as [string, string]));
}

const drives: DriveConfig[] = [];
let channel = '';
for (const [index, option] of args.entries()) {
  const values = properties(args[index + 1] ?? '');
  if (option === '-drive' && values['id']?.startsWith('hd')) {
    const format = values['format'];
    drives.push({
      path: values['file'] ?? '',
      readonly: values['snapshot'] === 'on' || values['readonly'] === 'on',
      ...(format === undefined ? {} : { format: format as 'raw' | 'qcow2' }),
    });
  } else if (option === '-chardev' && values['id'] === 'channel0') channel = values['path'] ?? '';
}

const log = (message: string): void => void process.stdout.write(`guestfsd: ${message}\n`);
const socket = createConnection({
  path: channel,
  onread: { buffer: new Uint8Array(1), callback: () => false },
});
socket.pause();
socket.on('connect', () => {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const platform = createEnginePlatform({ drives, warn: log });
  const server = new DaemonServer(new DaemonChannel(new DescriptorTransport(fd)), { log });
  log(server.serve(new Daemon(platform, server.hooks, implementations)));
  platform.sync();
  platform.close();
  process.exit(0);
});
