import { readFileSync } from 'node:fs';
import type { Mdstat } from '../../actions/generated/structs.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { runOnDevice, toolsOf, wantNoOption } from '../tools.ts';

type CreateOptions = Parameters<DaemonActions['md_create']>[3];

const LEVELS = new Set([
  'linear', 'raid0', '0', 'stripe', 'raid1', '1', 'mirror', 'raid4', '4', 'raid5', '5', 'raid6', '6', 'raid10', '10',
]); // prettier-ignore
/** Bits of the mask of missing devices. */
const MASK_BITS = 64;

function invalid(why: string): GuestfsError {
  return new GuestfsError('EINVAL', `md_create: ${why}`);
}

/** The devices in the order of the array, `missing` where the mask has a bit. */
export function arrayMembers(nodes: readonly string[], missing: bigint): string[] {
  const members: string[] = [];
  let next = 0;
  for (let bit = 0; bit < MASK_BITS && (next < nodes.length || missing >> BigInt(bit) !== 0n); bit++) {
    if ((missing >> BigInt(bit)) & 1n) members.push('missing');
    else if (next < nodes.length) members.push(nodes[next++] as string);
    else throw invalid(`the bitmap of missing devices leaves gaps behind the ${nodes.length} devices`);
  }
  return members;
}

function create(
  context: ActionContext,
  name: string,
  devices: readonly string[],
  options: CreateOptions,
): void {
  const { spare = 0, chunk, level = 'raid1' } = options;
  wantNoOption(name, 'the name of the array');
  if (!LEVELS.has(level))
    throw invalid(`unknown level ${JSON.stringify(level)}, expected ${[...LEVELS].join(', ')}`);
  if (chunk !== undefined && (chunk <= 0 || chunk % 1024 !== 0)) {
    throw invalid(`chunk is ${chunk}, expected a positive multiple of 1024 bytes`);
  }
  if (spare < 0) throw invalid(`spare is ${spare}, it cannot be negative`);
  const tools = toolsOf(context);
  const members = arrayMembers(
    devices.map((device) => tools.deviceNode(device)),
    BigInt.asUintN(MASK_BITS, BigInt(options.missingbitmap ?? 0)),
  );
  const active = options.nrdevices ?? members.length - spare;
  if (active < 1 || active + spare !== members.length) {
    throw invalid(
      `nrdevices ${active} and spare ${spare} are ${active + spare} devices, but ${members.length} were given with those that are missing`,
    );
  }
  tools.run('mdadm', [
    '--create', name.startsWith('/') ? name : `/dev/md/${name}`, '--run', '--level', level,
    '--raid-devices', String(active),
    ...(spare > 0 ? ['--spare-devices', String(spare)] : []),
    ...(chunk === undefined ? [] : ['--chunk', String(chunk / 1024)]),
    ...members,
  ]); // prettier-ignore
  tools.devicesChanged();
}

/** What `mdadm --detail --export` prints, its keys without `MD_` and in small letters. */
export function parseDetail(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^MD_([^=]+)=(.*)$/.exec(line);
    if (match !== null) found[(match[1] as string).toLowerCase()] = match[2] as string;
  }
  return found;
}

/** The entries about members, which have the kernel's names of devices, with the guest's. */
export function withGuestNames(
  detail: Readonly<Record<string, string>>,
  nameOf: (node: string) => string,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, value] of Object.entries(detail)) {
    const match = /^device_dev_(\w+)_(role|dev)$/.exec(key);
    if (match === null) {
      found[key] = value;
      continue;
    }
    const name = nameOf(`/dev/${match[1] as string}`);
    found[`device${name.replaceAll('/', '_')}_${match[2] as string}`] = match[2] === 'dev' ? name : value;
  }
  return found;
}

/** The members of an array in /proc/mdstat: `sda1[0](F)`. Undefined where the array is not there. */
export function parseMdstat(
  text: string,
  array: string,
): { name: string; index: number; flags: string }[] | undefined {
  for (const line of text.split('\n')) {
    const match = /^(\S+) : (.*)$/.exec(line);
    if (match?.[1] !== array) continue;
    return [...(match[2] as string).matchAll(/(\S+?)\[(\d+)\]((?:\([A-Z]\))*)/g)].map(
      ([, name, index, flags]) => ({
        name: name as string,
        index: Number(index),
        flags: (flags as string).replace(/[()]/g, ''),
      }),
    );
  }
  return undefined;
}

function status(context: ActionContext, md: string): Mdstat[] {
  const tools = toolsOf(context);
  const node = tools.deviceNode(md);
  const members = parseMdstat(readFileSync('/proc/mdstat', 'utf8'), node.replace(/^\/dev\//, ''));
  if (members === undefined)
    throw new GuestfsError('ENOENT', `${md}: no such array is active`, { device: md });
  return members.map(({ name, index, flags }) => ({
    mdstatDevice: tools.deviceName(`/dev/${name}`),
    mdstatIndex: index,
    mdstatFlags: flags,
  }));
}

/** Linux software RAID, by mdadm(8). */
export const mdadmActions = {
  md_create: create,

  md_detail(context, md) {
    const tools = toolsOf(context);
    const text = tools.text('mdadm', ['--detail', '--export', tools.deviceNode(md)], {
      about: { device: md },
    });
    return withGuestNames(parseDetail(text), (node) => tools.deviceName(node));
  },

  md_stat: status,

  md_stop(context, md) {
    runOnDevice(context, md, 'mdadm', (node) => ['--stop', node]);
    toolsOf(context).devicesChanged();
  },
} satisfies Partial<DaemonActions>;
