import type { Shell } from './shell.ts';
import type { Word } from './tokenize.ts';

/**
 * The `glob` command: run a command for each match of the wildcards in its arguments, and for each combination
 * where several arguments have them. The last argument changes quickest.
 */
export async function runGlob(shell: Shell, name: string, words: readonly Word[]): Promise<void> {
  const choices: string[][] = [];
  for (const { text } of words) choices.push(await matches(shell, text));
  for (const combination of combinations(choices)) {
    await shell.runCommand(
      name,
      combination.map((text) => ({ text, quoted: true })),
    );
  }
}

async function matches(shell: Shell, text: string): Promise<string[]> {
  if (!text.startsWith('/') || text.startsWith('/dev/')) return [text];
  const found = await shell.handle.globExpand(text, { directoryslash: false });
  return found.length === 0 ? [text] : found;
}

function* combinations(choices: readonly (readonly string[])[]): Generator<string[]> {
  const [first, ...rest] = choices;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const choice of first) {
    for (const others of combinations(rest)) yield [choice, ...others];
  }
}
