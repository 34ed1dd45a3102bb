import { commandsPage } from './commands-page.ts';
import { guestfishPage } from './pages/guestfish.ts';
import { toolPages } from './pages/tools.ts';
import { writingToolPages } from './pages/writing-tools.ts';
import { renderPage } from './render.ts';

/** The manual pages by file name, made of the options of the tools, the words in pages/ and the action records. */
export function manPages(): Record<string, string> {
  const pages: Record<string, string> = { 'docs/man/guestfish-commands.1': commandsPage() };
  for (const page of [guestfishPage, ...toolPages, ...writingToolPages])
    pages[`docs/man/${page.spec.name}.1`] = renderPage(page);
  return pages;
}
