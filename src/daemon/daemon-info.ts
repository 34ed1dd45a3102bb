/** Slot in the session state under which actions find out what their daemon can do. */
export const DAEMON_SLOT = 'daemon';

/** What the daemon tells its own actions about itself. */
export interface DaemonInfo {
  implements(action: string): boolean;
}
