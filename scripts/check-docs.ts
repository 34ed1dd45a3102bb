/**
 * Checks that everything public says what it is: every action has a summary and a description, and every export
 * of `src` a docstring. `npm run check:docs`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allActions } from '../src/actions/all.ts';

const source = join(import.meta.dirname, '..', 'src');
const problems: string[] = [];

for (const { name, summary, description } of allActions) {
  if (summary === '' || description === '') problems.push(`action ${name}: no words`);
  else if (/^[A-Z](?![A-Z])/.test(summary) || summary.endsWith('.')) {
    problems.push(`action ${name}: the summary begins in lower case and has no full stop`);
  }
}

/** Lines that may stand between a docstring and what it is about: constants of one group, overloads. */
const SAME_GROUP = /^(export )?const \w+( = .*;|: [^=]+ = .*;)$|^export function \w+.*;$/;

/** A docstring covers the export below it, and the one-line constants or overloads that follow without a gap. */
function isDocumented(lines: readonly string[], index: number): boolean {
  for (let at = index - 1; at >= 0; at--) {
    const line = (lines[at] ?? '').trim();
    if (line.endsWith('*/')) return true;
    if (!SAME_GROUP.test(line) && !line.startsWith('//')) return false;
  }
  return false;
}

const EXPORT = /^export (?:declare |abstract |async )*(?:function\*?|class|interface|type|const|let)\s+(\w+)/;
let exportsSeen = 0;
for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' }).toSorted()) {
  if (!file.endsWith('.ts') || file.endsWith('.test.ts') || /generated|actions.records/.test(file)) continue;
  const lines = readFileSync(join(source, file), 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    const match = EXPORT.exec(line);
    if (match === null) continue;
    exportsSeen++;
    // Constants of a specification keep its names, which say what they are.
    if (/(layout|features)\.ts$/.test(file) && /^[A-Z][A-Z0-9_]*$/.test(match[1] ?? '')) continue;
    if (!isDocumented(lines, index)) problems.push(`${file}:${index + 1}: ${match[1]} has no docstring`);
  }
}
if (exportsSeen < 300) problems.push(`only ${exportsSeen} exports seen: the check itself is broken`);

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  `docs: ${allActions.length} actions, ${exportsSeen} exports, ${problems.length} problems\n`,
);
process.exitCode = problems.length > 0 ? 1 : 0;
