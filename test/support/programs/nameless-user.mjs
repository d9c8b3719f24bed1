// Preloaded into the program: node:os as it is for a uid that no passwd file knows.
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const unknown = call =>
  Object.assign(new Error(`A system error occurred: ${call} returned ENOENT`), { code: 'ERR_SYSTEM_ERROR' });

os.userInfo = () => {
  throw unknown('uv_os_get_passwd');
};
os.homedir = () => {
  if (process.env.HOME === undefined) throw unknown('uv_os_homedir');
  return process.env.HOME;
};
syncBuiltinESMExports();
