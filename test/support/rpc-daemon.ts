/** A daemon over the engine that serves descriptor 3: `tsx rpc-daemon.ts IMAGE...`, for tests of the wire. */
import { Daemon } from '../../src/daemon/daemon.ts';
import { implementations } from '../../src/daemon/registry.ts';
import { createEnginePlatform } from '../../src/platform/engine/index.ts';
import { DaemonChannel } from '../../src/rpc/daemon-channel.ts';
import { DaemonServer } from '../../src/rpc/serve.ts';
import { DescriptorTransport } from '../../src/rpc/transport.ts';

const log = (message: string): void => void process.stderr.write(`daemon: ${message}\n`);
const platform = createEnginePlatform({
  drives: process.argv.slice(2).map((path) => ({ path, readonly: false, format: 'raw' })),
  warn: log,
});
const server = new DaemonServer(new DaemonChannel(new DescriptorTransport(3)), { log });
server.serve(new Daemon(platform, server.hooks, implementations));
platform.sync();
platform.close();
