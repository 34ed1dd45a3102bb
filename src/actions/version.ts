/** Version of this package; the tests compare it with package.json. */
export const packageVersion = '0.1.0';

/** libguestfs version whose API this package implements. */
export const API_LEVEL = { major: 1, minor: 61, release: 1 } as const;
