import { allActions } from '../../src/actions/all.ts';
import type { ActionRecord } from '../../src/actions/record.ts';
import { dashed } from '../../src/tools/common/names.ts';
import { commandNames, isShellAction } from '../../src/tools/guestfish/lookup.ts';
import { usageLine } from '../../src/tools/guestfish/usage.ts';
import { pageHead } from './render.ts';
import { blocksRoff, escapeRoff } from './roff.ts';

/** guestfish-commands(1): every action of the API as a command of the shell. */
export function commandsPage(): string {
  const actions = allActions
    .filter((action) => isShellAction(action))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  let roff = pageHead('guestfish-commands', 'the commands of guestfish that are actions of the API');
  roff += `.SH DESCRIPTION\n${blocksRoff(
    'Each action of the libguestfs API is a command of **guestfish**(1). Arguments in brackets may be left out; the others come in this order. Deprecated commands work, and say what replaces them.',
  )}.SH COMMANDS\n`;
  for (const action of actions) roff += commandRoff(action);
  return `${roff}.SH SEE ALSO\n.PP\n\\fBguestfish\\fR(1), \\fBguestfs\\fR(1)\n`;
}

function commandRoff(action: ActionRecord): string {
  const name = dashed(action.name);
  const others = commandNames(action).filter((other) => other !== name.toLowerCase());
  let roff = `.SS ${escapeRoff(name)}\n.PP\n.nf\n`;
  for (const line of usageLines(usageLine(action))) roff += `${escapeRoff(line)}\n`;
  roff += '.fi\n';
  const summary =
    action.summary === '' ? '' : `${action.summary.charAt(0).toUpperCase()}${action.summary.slice(1)}.`;
  const words = [summary, action.description].filter((text) => text !== '').join('\n\n');
  if (words !== '') roff += blocksRoff(words);
  if (others.length > 0)
    roff += blocksRoff(`Other names: ${others.map((other) => `\`${other}\``).join(', ')}.`);
  if (action.deprecatedBy !== undefined) roff += blocksRoff(deprecation(action.deprecatedBy));
  return roff;
}

/** `replacement` is empty where there is none. */
function deprecation(replacement: string): string {
  return replacement === '' ? 'Deprecated.' : `Deprecated: use \`${dashed(replacement)}\`.`;
}

/** Long usages on several lines, those after the first one indented. */
function usageLines(usage: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of usage.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > 66) {
      lines.push(line);
      line = `    ${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
