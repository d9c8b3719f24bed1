// A process that runs one command line of the built program after the other, as its parent tells it: see standing-program.ts.
import { main } from '../../../dist/src/cli/main.js';

/** Runs the callback with all that goes to the stream kept. */
async function capture(stream, callback) {
  const { write } = stream;
  const chunks = [];
  stream.write = (chunk, encoding, done) => {
    chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? encoding : undefined));
    const callback = typeof encoding === 'function' ? encoding : done;
    if (callback !== undefined) queueMicrotask(callback);
    return true;
  };
  try {
    await callback();
  } finally {
    stream.write = write;
  }
  return Buffer.concat(chunks).toString('utf8');
}

// It stays: no command line begins again as a process of its own, as those that derive keys do.
process.execve = undefined;
// Each command line listens to the streams and signals of its process, which here is the same one.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);

process.on('message', async ({ args, env, cwd }) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...args);
  process.exitCode = undefined;
  let stdout = '';
  const stderr = await capture(process.stderr, async () => {
    stdout = await capture(process.stdout, main);
  });
  process.send({ stdout, stderr, exitCode: process.exitCode ?? 0 });
  // A directory that the next test removes is no place to stay.
  process.chdir('/');
  process.exitCode = 0;
});
process.on('disconnect', () => process.exit(0));
