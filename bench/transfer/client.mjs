// One launch of our library, and how long its small calls and transfers take: client.mjs LIBRARY PATH DISK FILE CACHE.
// Prints a line of JSON; times are milliseconds on the clock and of the processors (qemu's and ours), memory is MiB.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [library, path, disk, file, cache] = process.argv.slice(2);
const { Guestfs } = await import(pathToFileURL(library).href);
const g = new Guestfs({ environment: false });
await g.setBackend('appliance');
await g.setBackendSettings(['force_tcg']);
await g.setPath(path);
await g.setCachedir(cache);
await g.addDrive(disk, { format: 'raw', cachemode: 'unsafe' });
await g.launch();
const qemu = await g.getPid();

function processorTime() {
  const fields = readFileSync(`/proc/${qemu}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  const own = process.cpuUsage();
  return (Number(fields[11]) + Number(fields[12])) * 10 + (own.user + own.system) / 1000;
}

const times = {};
async function timed(name, times_, run) {
  const started = performance.now();
  const before = processorTime();
  await run();
  times[name] = [(performance.now() - started) / times_, (processorTime() - before) / times_];
}
async function ping(count) {
  for (let i = 0; i < count; i++) await g.pingDaemon();
}

await timed('ping, first 50', 50, () => ping(50));
await ping(1000);
await timed('ping, warm', 1000, () => ping(1000));
await g.mkfs('ext4', '/dev/sda');
await g.mount('/dev/sda', '/');
await timed('upload', 1, () => g.upload(file, '/file'));
await timed('download', 1, () => g.download('/file', '/dev/null'));
process.stdout.write(`${JSON.stringify({ times, memory: process.resourceUsage().maxRSS / 1024 })}\n`);
await g.shutdown();
await g.close();
