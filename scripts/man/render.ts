import { optionHead } from '../../src/tools/common/help.ts';
import type { OptionSpec } from '../../src/tools/common/spec.ts';
import { packageVersion } from '../../src/tools/common/version.ts';
import type { ManPage } from './page.ts';
import { blocksRoff, codeRoff, escapeRoff, inlineRoff } from './roff.ts';

const EXIT_STATUS = `0 if all went well, 1 if something failed or the command line was wrong, 2 for a fault of the program itself, 141 if the reader of the output went away.`;

const ABOUT = `guestfs implements the libguestfs API independently and is not affiliated with the libguestfs project.`;

/** The heading lines of a page. */
export function pageHead(name: string, summary: string): string {
  const title = name.toUpperCase();
  return `.\\" Written by scripts/man from the tool's options and scripts/man/pages. Do not edit.
.TH ${escapeRoff(title)} 1 "" "guestfs ${packageVersion}" "guestfs"
.SH NAME
${escapeRoff(name)} \\- ${escapeRoff(summary)}
`;
}

/** A manual page in roff (the man macros). */
export function renderPage({
  spec,
  description,
  sections = [],
  exitStatus = EXIT_STATUS,
  seeAlso,
}: ManPage): string {
  let roff = pageHead(spec.name, spec.summary);
  roff += `.SH SYNOPSIS\n.nf\n`;
  for (const usage of spec.usage) roff += `\\fB${escapeRoff(spec.name)}\\fR ${escapeRoff(usage)}\n`;
  roff += `.fi\n.SH DESCRIPTION\n${blocksRoff(description)}`;
  if (spec.examples.length > 0) {
    roff += '.SH EXAMPLES\n';
    for (const [command, words] of spec.examples) {
      roff += `.PP\n${inlineRoff(words.charAt(0).toUpperCase() + words.slice(1))}${/[.?!:]$/.test(words) ? '' : ':'}\n${codeRoff([command])}`;
    }
  }
  roff += `.SH OPTIONS\n${spec.options
    .filter(({ hidden }) => hidden !== true)
    .map(optionRoff)
    .join('')}`;
  for (const [title, text] of sections) roff += `.SH ${escapeRoff(title)}\n${blocksRoff(text)}`;
  roff += `.SH EXIT STATUS\n${blocksRoff(exitStatus)}`;
  roff += `.SH NOTES\n${blocksRoff(ABOUT)}`;
  roff += `.SH SEE ALSO\n.PP\n${seeAlso.map(reference).join(',\n')}\n`;
  return roff;
}

function reference(page: string): string {
  const match = /^(.*)\((\d)\)$/.exec(page);
  return match === null ? escapeRoff(page) : `\\fB${escapeRoff(match[1] as string)}\\fR(${match[2]})`;
}

function optionRoff(option: OptionSpec): string {
  const words = option.manual ?? `${option.help.charAt(0).toUpperCase()}${option.help.slice(1)}.`;
  return `.TP\n\\fB${escapeRoff(optionHead(option))}\\fR\n${inlineRoff(words)}\n`;
}
