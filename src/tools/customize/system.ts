import { ToolError } from '../common/usage-error.ts';
import { rewriteLines, writeText, type CustomizeContext } from './context.ts';

/** `rhel`, `debian`, ... or undefined. */
async function distroOf({ handle, root }: CustomizeContext): Promise<string | undefined> {
  if (root === undefined) return undefined;
  const distro = await handle.inspectGetDistro(root);
  return distro === 'unknown' ? undefined : distro;
}

const RED_HAT = new Set([
  'rhel',
  'centos',
  'fedora',
  'rocky',
  'almalinux',
  'oraclelinux',
  'scientificlinux',
  'redhat-based',
]);
const DEBIAN = new Set(['debian', 'ubuntu', 'linuxmint', 'kalilinux']);
const SUSE = new Set(['opensuse', 'sles', 'suse-based']);

const NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$/;

/** Give the guest a host name, where its system looks for it. */
export async function setHostname(context: CustomizeContext, hostname: string): Promise<void> {
  if (!NAME.test(hostname)) {
    throw new ToolError(`'${hostname}' is no host name: letters, digits and - between dots are expected`);
  }
  const { handle } = context;
  const distro = await distroOf(context);
  const old = (await handle.isFile('/etc/hostname', { followsymlinks: true }))
    ? (await handle.readLines('/etc/hostname'))[0]
    : undefined;
  const network = '/etc/sysconfig/network';
  const usesNetworkFile =
    distro !== undefined &&
    RED_HAT.has(distro) &&
    (await handle.isFile(network)) &&
    (await handle.readLines(network)).some((line) => line.startsWith('HOSTNAME='));
  if (usesNetworkFile) {
    await rewriteLines(context, network, (lines) =>
      lines.map((line) => (line.startsWith('HOSTNAME=') ? `HOSTNAME=${hostname}` : line)),
    );
  }
  if (!usesNetworkFile || old !== undefined) await writeText(context, '/etc/hostname', `${hostname}\n`);
  if (distro !== undefined && SUSE.has(distro) && (await handle.isFile('/etc/HOSTNAME'))) {
    await writeText(context, '/etc/HOSTNAME', `${hostname}\n`);
  }
  // Debian's installer writes the name beside 127.0.1.1, and sudo waits for it to resolve.
  if (
    distro !== undefined &&
    DEBIAN.has(distro) &&
    old !== undefined &&
    old !== '' &&
    (await handle.isFile('/etc/hosts'))
  ) {
    await rewriteLines(context, '/etc/hosts', (lines) =>
      lines.map((line) => renameHost(line, old, hostname)),
    );
  }
}

function renameHost(line: string, old: string, now: string): string {
  if (!/^\s*127\.|^\s*::1/.test(line)) return line;
  return line
    .split(/(\s+)/)
    .map((word) => (word === old ? now : word))
    .join('');
}

/** Set the time zone of the guest: a name such as `Europe/London`, which the guest must have. */
export async function setTimezone(context: CustomizeContext, zone: string): Promise<void> {
  const { handle } = context;
  const target = `/usr/share/zoneinfo/${zone}`;
  if (zone.includes('..') || !(await handle.isFile(target, { followsymlinks: true }))) {
    throw new ToolError(`the guest has no time zone '${zone}' (there is no file ${target} in it)`);
  }
  await handle.lnSf(target, '/etc/localtime');
  context.made('/etc/localtime');
  if (await handle.isFile('/etc/timezone')) await writeText(context, '/etc/timezone', `${zone}\n`);
}

/** Add a line to a file of the guest, with the line ends that the file has. */
export async function appendLine(
  { handle, made }: CustomizeContext,
  path: string,
  line: string,
): Promise<void> {
  const there = await handle.exists(path);
  const old = there ? await handle.readFile(path) : new Uint8Array();
  const text = Buffer.from(old);
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const gap = text.length > 0 && text.at(-1) !== 0x0a ? end : '';
  await handle.write(path, Buffer.concat([text, Buffer.from(`${gap}${line}${end}`)]));
  if (!there) made(path);
}
