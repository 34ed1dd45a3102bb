import { GuestfsError } from '../errors/index.ts';
import { CAPABILITY_NAMES, EFFECTIVE, INHERITABLE, PERMITTED } from './capability.ts';

/** include/uapi/linux/capability.h: revision 2, two words of each kind, little-endian. */
const REVISION_2 = 0x02000000;
const SIZE = 20;

function bad(text: string, why: string): GuestfsError {
  return new GuestfsError('EINVAL', `the capabilities ${JSON.stringify(text.slice(0, 200))}: ${why}`);
}

/**
 * The attribute that the text of capabilities stands for, as cap_from_text(3) takes it: clauses like
 * `cap_net_admin,cap_net_raw=ep`, `all=` or `=i cap_chown+p`. Throws EINVAL for text that is none, and where some
 * capabilities are effective and others, permitted or inheritable, are not: a file has only one bit for that.
 */
export function parseCapabilities(text: string): Uint8Array {
  const states = CAPABILITY_NAMES.map(() => 0);
  // No clause at all is no capability, which a file can say too.
  const clauses = text.trim() === '' ? [] : text.trim().split(/\s+/);
  for (const clause of clauses) {
    const match = /^([^=+-]*)((?:[=+-][eip]*)+)$/.exec(clause);
    if (match === null) throw bad(text, `${clause} is not NAMES and then =, + or - with letters out of eip`);
    const chosen = numbersOf(text, match[1] ?? '', match[2] ?? '');
    for (const [operation] of (match[2] ?? '').matchAll(/[=+-][eip]*/g)) {
      const bits = letters(operation.slice(1));
      for (const number of chosen) states[number] = apply(operation, states[number] ?? 0, bits);
    }
  }
  return encode(text, states);
}

function numbersOf(text: string, names: string, operations: string): number[] {
  const all = CAPABILITY_NAMES.map((_, number) => number);
  if (names === '') {
    if (!operations.startsWith('=')) throw bad(text, `${operations} does not say which capabilities`);
    return all;
  }
  return names.split(',').flatMap((name) => {
    const lower = name.toLowerCase();
    if (lower === 'all') return all;
    const number = /^\d{1,2}$/.test(name) ? Number(name) : CAPABILITY_NAMES.indexOf(lower);
    if (number < 0 || number >= CAPABILITY_NAMES.length) throw bad(text, `there is no capability ${name}`);
    return [number];
  });
}

function letters(text: string): number {
  return (
    (text.includes('p') ? PERMITTED : 0) |
    (text.includes('i') ? INHERITABLE : 0) |
    (text.includes('e') ? EFFECTIVE : 0)
  );
}

function apply(operation: string, state: number, bits: number): number {
  if (operation.startsWith('=')) return bits;
  return operation.startsWith('+') ? state | bits : state & ~bits;
}

function encode(text: string, states: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  const effective = states.some((state) => (state & EFFECTIVE) !== 0);
  for (const [number, state] of states.entries()) {
    const held = (state & (PERMITTED | INHERITABLE)) !== 0;
    if (effective && held !== ((state & EFFECTIVE) !== 0)) {
      throw bad(
        text,
        'either all capabilities of a file that are permitted or inheritable are effective, or none',
      );
    }
    const at = 4 + (number >> 5) * 8;
    const bit = 1 << (number & 31);
    if ((state & PERMITTED) !== 0) view.setUint32(at, view.getUint32(at, true) | bit, true);
    if ((state & INHERITABLE) !== 0) view.setUint32(at + 4, view.getUint32(at + 4, true) | bit, true);
  }
  view.setUint32(0, REVISION_2 | (effective ? 1 : 0), true);
  return bytes;
}
