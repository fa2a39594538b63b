import { serveApi } from '../../../src/daemon/api.ts';
import { labContext } from '../context.ts';

// `node serve.ts CONFIG`: serves the API until it is killed; says `serving`, or the error's code.

const [config = ''] = process.argv.slice(2);

try {
  await serveApi({
    context: () => labContext({ config }),
    version: '0.0.0-test',
    tell: (line) => process.stderr.write(`${line}\n`),
  });
  console.log('serving');
} catch (error) {
  console.log((error as { code?: string }).code);
}
