/** A command line that cannot be carried out: the message is printed as it is, and the command has failed. */
export class ShellError extends Error {
  override readonly name = 'ShellError';
}
