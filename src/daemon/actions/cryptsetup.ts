import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { optional, toolsOf, wantNoOption, when } from '../tools.ts';

const MAPPER = '/dev/mapper/';

/** The key comes by standard input, whole, a line feed at its end too: nobody sees it in a list of processes. */
function cryptsetup(
  context: ActionContext,
  device: string,
  key: Uint8Array,
  args: (node: string) => readonly string[],
): void {
  const tools = toolsOf(context);
  tools.run('cryptsetup', ['--batch-mode', ...args(tools.deviceNode(device))], {
    input: key,
    about: { device },
  });
}

function format(
  context: ActionContext,
  device: string,
  key: Uint8Array,
  keyslot: number,
  cipher?: string,
): void {
  wantKeyslot(keyslot);
  cryptsetup(context, device, key, (node) => [
    'luksFormat',
    '--key-slot',
    String(keyslot),
    ...optional('--cipher', cipher),
    '--key-file',
    '-',
    '--',
    node,
  ]);
}

function wantKeyslot(keyslot: number): void {
  if (keyslot < 0) throw new GuestfsError('EINVAL', `keyslot is ${keyslot}, it cannot be negative`);
}

function open(
  context: ActionContext,
  device: string,
  key: Uint8Array,
  mapname: string,
  options: { readonly?: boolean; crypttype?: string; cipher?: string } = {},
): void {
  if (mapname === '' || mapname.includes('/') || mapname === 'control') {
    throw new GuestfsError(
      'EINVAL',
      `mapname is ${JSON.stringify(mapname)}, expected a name without a slash`,
    );
  }
  wantNoOption(mapname, 'mapname');
  const type = options.crypttype ?? typeOf(context, device);
  cryptsetup(context, device, key, (node) => [
    'open',
    '--type',
    type,
    ...optional('--cipher', options.cipher),
    ...when(options.readonly, '--readonly'),
    '--key-file',
    '-',
    '--',
    node,
    mapname,
  ]);
  toolsOf(context).devicesChanged();
}

/** How an encrypted device is to be opened. Throws EINVAL where it is none. */
function typeOf({ platform }: ActionContext, device: string): string {
  const type = platform.identify.type(device);
  if (type === 'crypto_LUKS') return 'luks';
  if (type === 'BitLocker') return 'bitlk';
  throw new GuestfsError(
    'EINVAL',
    `${device} holds ${type ?? 'nothing that is recognised'}, expected LUKS or BitLocker; crypttype states another type`,
    { device },
  );
}

function close(context: ActionContext, device: string): void {
  if (!device.startsWith(MAPPER)) {
    throw new GuestfsError('EINVAL', `${device}: expected an opened device, ${MAPPER}NAME`, { device });
  }
  const tools = toolsOf(context);
  tools.run('cryptsetup', ['close', '--', device.slice(MAPPER.length)], { about: { device } });
  tools.devicesChanged();
}

/** Encrypted devices, by cryptsetup(8). */
export const cryptsetupActions = {
  luks_format: (context, device, key, keyslot) => format(context, device, key, keyslot),

  luks_format_cipher: format,

  luks_add_key(context, device, key, newkey, keyslot) {
    wantKeyslot(keyslot);
    toolsOf(context).withFolder((folder) => {
      const file = join(folder, 'key');
      writeFileSync(file, newkey, { mode: 0o600, flag: 'wx' });
      try {
        cryptsetup(context, device, key, (node) => [
          'luksAddKey',
          '--key-slot',
          String(keyslot),
          '--key-file',
          '-',
          '--',
          node,
          file,
        ]);
      } finally {
        writeFileSync(file, new Uint8Array(newkey.length), { flag: 'r+' });
      }
    });
  },

  luks_kill_slot(context, device, key, keyslot) {
    wantKeyslot(keyslot);
    cryptsetup(context, device, key, (node) => [
      'luksKillSlot',
      '--key-file',
      '-',
      '--',
      node,
      String(keyslot),
    ]);
  },

  luks_uuid(context, device) {
    const tools = toolsOf(context);
    return tools
      .text('cryptsetup', ['luksUUID', '--', tools.deviceNode(device)], { about: { device } })
      .trim();
  },

  cryptsetup_open: open,

  cryptsetup_close: close,

  luks_open: (context, device, key, mapname) => open(context, device, key, mapname, { crypttype: 'luks' }),

  luks_open_ro: (context, device, key, mapname) =>
    open(context, device, key, mapname, { crypttype: 'luks', readonly: true }),

  luks_close: close,

  clevis_luks_unlock(context, device, mapname) {
    wantNoOption(mapname, 'mapname');
    const tools = toolsOf(context);
    tools.run('clevis-luks-unlock', ['-d', tools.deviceNode(device), '-n', mapname], { about: { device } });
    tools.devicesChanged();
  },
} satisfies Partial<DaemonActions>;
