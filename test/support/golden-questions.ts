import { readFileSync } from 'node:fs';
import { decodeText } from '../../src/bytes/text.ts';

/** A guestfish command that a stock guestfish was asked, and what it printed. */
export interface GoldenQuestion {
  number: number;
  command: string;
  words: string[];
  /** Text printed, as a guest string. */
  answer: string;
  /** Message, where it failed. */
  error: string | undefined;
}

/** The questions of `questions.txt` with the answers of `stock.txt` in a golden folder; both names may have a prefix. */
export function goldenQuestions(folder: string, prefix = ''): GoldenQuestion[] {
  const commands = readFileSync(`${folder}/${prefix}questions.txt`, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  // What is printed without a line end has the next mark on its last line.
  const answers = decodeText(readFileSync(`${folder}/${prefix}stock.txt`)).split(/@@@ \d+\n/);
  return commands.map((command, i) => {
    const text = answers[i + 1] ?? '';
    const failed = /^libguestfs: error: (.*)\n?$/s.exec(text);
    return { number: i + 1, command, words: shellWords(command), answer: text, error: failed?.[1] };
  });
}

/** Words of a command: single quotes, double quotes, backslash within double quotes. */
export function shellWords(command: string): string[] {
  const words: string[] = [];
  for (const [, single, double, plain] of command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)) {
    words.push(single ?? double ?? plain ?? '');
  }
  return words;
}
