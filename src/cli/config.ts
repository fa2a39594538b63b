import { command, type Register } from './options.ts';
import { showResults } from './results.ts';

export const configCommand: Register = (program, bind) => {
  const config = command(program, 'config', {
    description: 'check, show or describe the config',
    example: 'cowherd config check',
  });
  command(config, 'check', {
    description: 'report every problem of the config at once',
    example: 'cowherd --config ./cowherd.yaml config check',
  }).action(async () =>
    bind(async ({ output, context, configFile }) => {
      await context();
      const valid = { agent: 'config', outcome: 'valid', file: configFile };
      return showResults(output, { results: [valid], failures: [] }, '');
    }),
  );
  command(config, 'show', {
    description: 'print the config with every default in it, without secrets',
    example: 'cowherd config show',
  }).action(async () =>
    bind(async ({ output, context }) => {
      const { fileOf, renderConfig } = await import('../config/render.ts');
      const world = await context();
      if (output.json) output.document(fileOf(world.config));
      else output.print(renderConfig(world.config).trimEnd());
      return 0;
    }),
  );
  command(config, 'schema', {
    description: 'print the JSON Schema of the config file',
    example: 'cowherd config schema > cowherd.schema.json',
  }).action(async () =>
    bind(async ({ output }) => {
      const { jsonSchema } = await import('../config/schema.ts');
      if (output.json) output.document(jsonSchema());
      else output.print(JSON.stringify(jsonSchema(), null, 2));
      return 0;
    }),
  );
};
