import { badPattern, type Assertion, type ByteSet, type RegexNode } from './syntax.ts';

/** One instruction of a matching machine; `next` and the like are indexes of instructions. */
export type Instruction =
  | { op: 'set'; set: ByteSet; next: number }
  | { op: 'split'; next: number; other: number }
  | { op: 'assert'; assertion: Assertion; next: number }
  | { op: 'save'; slot: number; next: number }
  | { op: 'reference'; index: number; next: number }
  /** Remember the position at the start of a turn of a loop. */
  | { op: 'mark'; slot: number; next: number }
  /** End a loop whose turn matched nothing: go to `out` instead of `next`. */
  | { op: 'progress'; slot: number; next: number; out: number }
  | { op: 'match' };

/** A compiled expression; matching begins at instruction `start`. */
export interface Program {
  code: Instruction[];
  start: number;
  groups: number;
  marks: number;
}

const MAX_INSTRUCTIONS = 50_000;

/** Compile a parsed expression, back to front. Throws EINVAL where its intervals make it too large. */
export function compileProgram(node: RegexNode, groups: number, shown: string): Program {
  const code: Instruction[] = [{ op: 'match' }];
  let marks = 0;

  const add = (instruction: Instruction): number => {
    if (code.length >= MAX_INSTRUCTIONS) throw badPattern(shown, 'its intervals make it too large');
    return code.push(instruction) - 1;
  };

  const compile = (part: RegexNode, next: number): number => {
    switch (part.kind) {
      case 'empty':
        return next;
      case 'set':
        return add({ op: 'set', set: part.set, next });
      case 'assert':
        return add({ op: 'assert', assertion: part.assertion, next });
      case 'reference':
        return add({ op: 'reference', index: part.index, next });
      case 'sequence':
        return part.parts.reduceRight((after, one) => compile(one, after), next);
      case 'choice':
        return part.parts
          .map((one) => compile(one, next))
          .reduceRight((other, first) => add({ op: 'split', next: first, other }));
      case 'group': {
        const end = add({ op: 'save', slot: part.index * 2 + 1, next });
        return add({ op: 'save', slot: part.index * 2, next: compile(part.node, end) });
      }
      case 'repeat':
        return repeat(part.node, part.min, part.max, next);
    }
  };

  const repeat = (part: RegexNode, min: number, max: number, next: number): number => {
    let after = next;
    if (max === Infinity) {
      const slot = marks++;
      const loop: Instruction = { op: 'split', next: -1, other: next };
      const top = add(loop);
      const back = add({ op: 'progress', slot, next: top, out: next });
      loop.next = add({ op: 'mark', slot, next: compile(part, back) });
      after = top;
    } else {
      for (let i = min; i < max; i++) after = add({ op: 'split', next: compile(part, after), other: next });
    }
    for (let i = 0; i < min; i++) {
      const before = code.length;
      after = compile(part, after);
      // What compiles to nothing is nothing however often it is repeated.
      if (code.length === before) break;
    }
    return after;
  };

  const start = compile(node, 0);
  return { code, start, groups, marks };
}
