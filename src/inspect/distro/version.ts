/** The largest number that a version may have in the API, where it is a signed 32-bit integer. */
const LARGEST = 0x7fffffff;

/** Major and minor version; 0 where there is none. */
export interface Version {
  major: number;
  minor: number;
}

function number(digits: string | undefined): number {
  const value = Number(digits ?? 0);
  return value <= LARGEST ? value : 0;
}

/** The first match of any of the patterns, whose groups are the major and the minor version. */
function firstMatch(text: string, patterns: readonly RegExp[]): Version {
  for (const pattern of patterns) {
    const match = pattern.exec(text);
    if (match) return { major: number(match[1]), minor: number(match[2]) };
  }
  return { major: 0, minor: 0 };
}

const PLAIN = [/([0-9]+)\.([0-9]+)/, /([0-9]+)/];

/** The first version number in a text: `9.2`, `12`. */
export function parseVersion(text: string): Version {
  return firstMatch(text, PLAIN);
}

/** The version in a release file of the Red Hat family: `release 9.2`, `release 4 (Nahant Update 8)`. */
export function parseReleaseVersion(text: string): Version {
  return firstMatch(text, [
    /release ([0-9]+)\.([0-9]+)/,
    /release ([0-9]+).*Update ([0-9]+)/,
    /release ([0-9]+)/,
    ...PLAIN,
  ]);
}
