import { hostname, userInfo } from 'node:os';

/** Who runs this process, for the audit log: user and host. A uid without a name, as in containers, is a number. */
export function auditActor(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
