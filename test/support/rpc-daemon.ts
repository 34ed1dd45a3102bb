/**
 * A daemon over the engine that serves descriptor 3: `tsx rpc-daemon.ts [--plain] IMAGE...`, for tests of the wire. With --plain
 * it speaks nothing beyond the protocol of libguestfs.
 */
import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { createEnginePlatform } from '../../src/platform/engine/index.ts';
import { DaemonChannel } from '../../src/rpc/daemon-channel.ts';
import { DaemonServer } from '../../src/rpc/serve.ts';
import { DescriptorTransport } from '../../src/rpc/transport.ts';

const log = (message: string): void => void process.stderr.write(`daemon: ${message}\n`);
const plain = process.argv[2] === '--plain';
const images = process.argv.slice(plain ? 3 : 2);
const platform = createEnginePlatform({
  drives: images.map((path) => ({ path, readonly: false, format: 'raw' })),
  warn: log,
});
const server = new DaemonServer(new DaemonChannel(new DescriptorTransport(3)), { log, own: !plain });
server.serve(new Daemon(platform, server.hooks, implementations));
platform.sync();
platform.close();
