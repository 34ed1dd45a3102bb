/** The command line is wrong: the tool says so, points to --help and exits with 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The tool cannot go on for a reason of its own; printed after the tool's name, exit status 1. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}
