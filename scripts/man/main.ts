/**
 * Writes the manual pages into docs/man, from the options of the tools, the words in pages/ and the action records:
 * `tsx scripts/man/main.ts`. With `--check` it writes nothing and fails if a page on disk differs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsPage } from './commands-page.ts';
import { guestfishPage } from './pages/guestfish.ts';
import { toolPages } from './pages/tools.ts';
import { renderPage } from './render.ts';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'man');
const pages: Record<string, string> = { 'guestfish-commands': commandsPage() };
for (const page of [guestfishPage, ...toolPages]) pages[page.spec.name] = renderPage(page);

const check = process.argv.includes('--check');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(pages)) {
  const path = join(folder, `${name}.1`);
  let old = '';
  try {
    old = readFileSync(path, 'utf8');
  } catch {
    // Not there yet.
  }
  if (old === text) continue;
  if (check) {
    process.stderr.write(`stale: docs/man/${name}.1 (run tsx scripts/man/main.ts)\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, text);
    process.stdout.write(`wrote docs/man/${name}.1\n`);
  }
}
