import { CorruptError } from '../errors/index.ts';

/** Attribute in which Linux keeps file capabilities (capabilities(7)). */
export const CAPABILITY = 'security.capability';

/** include/uapi/linux/capability.h: revision in the highest byte of the first word, bit 0 says "effective". */
const VFS_CAP_REVISION_MASK = 0xff000000;
const REVISIONS: Record<number, { words: number; size: number }> = {
  0x01000000: { words: 1, size: 12 },
  0x02000000: { words: 2, size: 20 },
  0x03000000: { words: 2, size: 24 },
};

/** Names in order of their numbers (include/uapi/linux/capability.h). */
export const CAPABILITY_NAMES: readonly string[] = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct ' +
  'sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap ' +
  'mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
)
  .split(' ')
  .map((name) => `cap_${name}`);

/** What a file may say of a capability, as bits of ours. */
export const PERMITTED = 1;
export const INHERITABLE = 2;
export const EFFECTIVE = 4;

/**
 * The text of a file's capabilities, as in `cap_net_admin,cap_net_raw=ep`, in the form of cap_to_text(3). Throws
 * EUCLEAN where the value is none.
 */
export function capabilityText(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const magic = value.length >= 4 ? view.getUint32(0, true) : 0;
  const revision = REVISIONS[(magic & VFS_CAP_REVISION_MASK) >>> 0];
  if (revision === undefined || value.length !== revision.size) {
    throw new CorruptError(
      'vfs_cap_data',
      `magic is 0x${magic.toString(16)} with ${value.length} bytes, expected revision 1 of 12, 2 of 20 or 3 of 24 bytes`,
    );
  }
  const states = CAPABILITY_NAMES.map((_, number) => {
    const word = number >> 5;
    if (word >= revision.words) return 0;
    const bit = 1 << (number & 31);
    const permitted = (view.getUint32(4 + word * 8, true) & bit) !== 0;
    const inheritable = (view.getUint32(8 + word * 8, true) & bit) !== 0;
    const effective = (magic & 1) !== 0 && (permitted || inheritable);
    return (permitted ? PERMITTED : 0) | (inheritable ? INHERITABLE : 0) | (effective ? EFFECTIVE : 0);
  });
  const base = commonest(states);
  const clauses: string[] = [];
  for (let state = 7; state >= 0; state--) {
    if (state === base) continue;
    const names = CAPABILITY_NAMES.filter((_, number) => states[number] === state);
    if (names.length === 0) continue;
    const added = letters(state & ~base);
    const removed = letters(base & ~state);
    clauses.push(names.join(',') + (added && `+${added}`) + (removed && `-${removed}`));
  }
  // Where nothing is set in general the first clause can say it all by itself.
  if (base === 0) return clauses.join(' ').replace('+', '=') || '=';
  return [`=${letters(base)}`, ...clauses].join(' ');
}

/** The state that most capabilities have; the smaller one of two. */
function commonest(states: readonly number[]): number {
  let best = 0;
  const count = (state: number): number => states.filter((other) => other === state).length;
  for (let state = 1; state < 8; state++) if (count(state) > count(best)) best = state;
  return best;
}

function letters(state: number): string {
  return (state & EFFECTIVE ? 'e' : '') + (state & INHERITABLE ? 'i' : '') + (state & PERMITTED ? 'p' : '');
}
