/**
 * Checks that imports point upward only, as ARCHITECTURE.md draws them, and that the parser folders reach Node
 * through nothing but `block/file`, `native/`, `compression/` and `crypto/`. `npm run check:layers`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src');

/** A folder may import those before it in this list. `compression` and `crypto` do not know each other. */
const LAYERS = [
  'errors',
  'bytes',
  'native',
  'compression',
  'crypto',
  'block',
  'images',
  'partitions',
  'volumes',
  'filesystems',
  'vfs',
  'formats',
  'actions',
  'platform',
  'inspect',
  'daemon',
  'rpc',
  'guestfsd',
  'backends',
  'handle',
  'tools',
];
/** Folders that must run in a browser. */
const PARSERS = new Set(LAYERS.slice(0, LAYERS.indexOf('formats') + 1));
/** Where parsers may touch Node. */
const NODE_DOORS = /^(native|compression|crypto)\/|^block\/(file|host)/;
/** Fewer files than this means that the check itself is broken. */
const MINIMUM_FILES = 150;

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

const problems: string[] = [];
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.split(sep).includes('golden'),
);
for (const file of files) {
  const text = readFileSync(join(source, file), 'utf8');
  const layer = file.split(sep)[0] ?? '';
  const level = LAYERS.indexOf(layer);
  const isEntry = !file.includes(sep);
  if (level < 0 && !isEntry) problems.push(`${file}: folder ${layer} is not in the list of layers`);
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? '';
    if (specifier.startsWith('.')) {
      checkLocal(file, level, isEntry, specifier);
    } else if (PARSERS.has(layer) && !NODE_DOORS.test(file)) {
      problems.push(`${file}: a parser folder may not import ${specifier}`);
    }
  }
  if (
    PARSERS.has(layer) &&
    !NODE_DOORS.test(file) &&
    /(?<![.\w'`"])(Buffer|process)\s*[.(]/.test(stripComments(text))
  ) {
    problems.push(`${file}: a parser folder may not use Buffer or process`);
  }
}

function checkLocal(file: string, level: number, isEntry: boolean, specifier: string): void {
  const target = relative(source, normalize(join(source, dirname(file), specifier)));
  if (target.startsWith('..')) {
    if (!target.endsWith('package.json')) problems.push(`${file}: imports ${specifier}, outside src`);
    return;
  }
  const targetLevel = LAYERS.indexOf(target.split(sep)[0] ?? '');
  if (!isEntry && target.includes(sep) && targetLevel > level) {
    problems.push(`${file}: imports ${target}, which lies below it`);
  }
}

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

if (files.length < MINIMUM_FILES)
  problems.push(`only ${files.length} files seen, expected ${MINIMUM_FILES} or more`);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`layers: ${files.length} files, ${problems.length} problems\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
