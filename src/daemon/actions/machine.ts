import { writeFileSync } from 'node:fs';
import { machine, release, type, version } from 'node:os';
import { decodeText } from '../../bytes/text.ts';
import { GuestfsError } from '../../errors/index.ts';
import type { ActionContext } from '../context.ts';
import type { DaemonActions } from '../generated/contract.ts';
import { runOnDevice, toolsOf, wantNoOption } from '../tools.ts';

const DROP_CACHES = '/proc/sys/vm/drop_caches';

function blockdev(context: ActionContext, device: string, ...args: readonly string[]): void {
  runOnDevice(context, device, 'blockdev', (node) => [...args, node]);
  toolsOf(context).devicesChanged();
}

function ask(context: ActionContext, device: string, question: string): number {
  const tools = toolsOf(context);
  const text = tools.text('blockdev', [question, tools.deviceNode(device)], { about: { device } });
  const value = Number(text.trim());
  if (!Number.isSafeInteger(value)) {
    throw new GuestfsError('EIO', `blockdev ${question} printed ${JSON.stringify(text)}`, { device });
  }
  return value;
}

/** What is the machine's own matter: its kernel, its modules, and how it drives its devices. */
export const machineActions = {
  modprobe(context, modulename) {
    wantNoOption(modulename, 'modulename');
    toolsOf(context).run('modprobe', [modulename]);
  },

  dmesg: (context) => decodeText(toolsOf(context).run('dmesg', []).stdout),

  utsname: () => ({
    utsSysname: type(),
    utsRelease: release(),
    utsVersion: version(),
    utsMachine: machine(),
  }),

  drop_caches(context, which) {
    if (which < 0 || which > 3) {
      throw new GuestfsError('EINVAL', `drop_caches: whattodrop: ${which} is not between 0 and 3`);
    }
    context.platform.sync();
    if (which > 0) writeFileSync(DROP_CACHES, `${which}\n`);
  },

  blockdev_getbsz: (context, device) => ask(context, device, '--getbsz'),

  blockdev_getro: (context, device) => ask(context, device, '--getro') !== 0,

  blockdev_setro: (context, device) => blockdev(context, device, '--setro'),

  blockdev_setrw: (context, device) => blockdev(context, device, '--setrw'),

  blockdev_flushbufs: (context, device) => blockdev(context, device, '--flushbufs'),

  blockdev_setra: (context, device, sectors) => blockdev(context, device, '--setra', String(sectors)),

  list_dm_devices: (context) => toolsOf(context).mapperNames(),
} satisfies Partial<DaemonActions>;
