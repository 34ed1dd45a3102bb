import type { ActionRecord } from '../../actions/record.ts';
import { dashed } from '../common/names.ts';
import { wrapText } from '../common/help.ts';
import { canonicalName, commandNames, findAction, isShellAction } from './lookup.ts';
import { findOwnCommand, ownCommands } from './own.ts';
import { ShellError } from './shell-error.ts';
import { usageLine } from './usage.ts';

const WIDTH = 76;

/** What `help` alone says. */
export function beginText(): string {
  return `'add-ro DISK' and 'run' open a disk. Then 'list-filesystems' shows what is in it,
and 'mount-ro DEVICE /' makes its files visible. Or have it done for you: leave,
and start with 'guestfish DISK'.

  help COMMAND    what a command does
  help --list     all commands
  man             the manual
  quit            leave
`;
}

async function record(name: string): Promise<ActionRecord | undefined> {
  const { allActions } = await import('../../actions/all.ts');
  return allActions.find((action) => action.name === name);
}

/** All commands with their summaries: the shell's own, then the actions, in order of name. */
export async function commandList(): Promise<string> {
  const { allActions } = await import('../../actions/all.ts');
  const rows: [string, string][] = [
    ...ownCommands.map(({ name, summary }): [string, string] => [name, summary]),
    ...allActions
      .filter((action) => isShellAction(action))
      .map((action): [string, string] => [dashed(action.name), action.summary]),
  ];
  rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return rows.map(([name, summary]) => `${name.padEnd(20)} ${summary}`.trimEnd()).join('\n') + '\n';
}

/**
 * Help on one command.
 *
 * @throws ShellError for an unknown one.
 */
export async function commandHelp(given: string): Promise<string> {
  const canonical = canonicalName(given);
  const own = findOwnCommand(canonical);
  if (own !== undefined) {
    return page(own.name, own.summary, own.usage, own.description, [own.name, ...own.aliases], undefined);
  }
  const entry = findAction(canonical);
  const action = entry === undefined ? undefined : await record(entry.name);
  if (entry === undefined || action === undefined) {
    throw new ShellError(`${given}: unknown command ('help --list' lists all)`);
  }
  return page(
    dashed(action.name),
    action.summary,
    usageLine(action),
    action.description,
    commandNames(entry),
    action.deprecatedBy,
  );
}

function page(
  name: string,
  summary: string,
  usage: string,
  description: string,
  names: readonly string[],
  deprecatedBy: string | undefined,
): string {
  let text = `NAME\n    ${name} - ${summary}\n\nSYNOPSIS\n    ${usage}\n\nDESCRIPTION\n${plainText(description)}`;
  const others = names.filter((other) => other !== name);
  if (others.length > 0) text += `\n    Other names: ${others.join(', ')}\n`;
  if (deprecatedBy === '') text += '\n    Deprecated.\n';
  else if (deprecatedBy !== undefined)
    text += `\n    Deprecated: use ${dashed(deprecatedBy)} in new programs.\n`;
  return text;
}

/** Our Markdown as text for a terminal: paragraphs wrapped, code blocks and list items kept, marks taken off. */
export function plainText(markdown: string): string {
  let text = '';
  for (const block of markdown.trim().split(/\n{2,}/)) {
    if (text !== '') text += '\n';
    if (/^( {4}|```)/.test(block)) {
      for (const line of block.split('\n')) {
        if (!line.startsWith('```')) text += `    ${line}\n`;
      }
      continue;
    }
    for (const item of block.split(/\n(?=[-*] )/)) {
      const bullet = /^[-*] /.test(item);
      const lines = wrapText(unmark(bullet ? item.slice(2) : item), bullet ? WIDTH - 6 : WIDTH - 4);
      for (const [at, line] of lines.entries()) {
        const indent = bullet ? (at === 0 ? '    - ' : '      ') : '    ';
        text += `${indent}${line}\n`;
      }
    }
  }
  return text;
}

function unmark(text: string): string {
  return text.replace(/`([^`]*)`/g, '$1').replace(/\*\*([^*]+)\*\*/g, '$1');
}
