import { ShellPattern } from '../pattern.ts';

/**
 * A test of names against patterns as `tar --exclude` has them by default: a pattern matches a whole name, or the
 * end of one after any slash; `*` matches slashes too. What is below an excluded directory is not asked about.
 */
export function excluder(patterns: readonly string[]): (name: string) => boolean {
  const compiled = patterns.filter((pattern) => pattern !== '').map((pattern) => new ShellPattern(pattern));
  if (compiled.length === 0) return () => false;
  return (name) => {
    for (let start = 0; ;) {
      const part = start === 0 ? name : name.slice(start);
      if (compiled.some((pattern) => pattern.matches(part))) return true;
      const slash = name.indexOf('/', start);
      if (slash < 0) return false;
      start = slash + 1;
    }
  };
}
