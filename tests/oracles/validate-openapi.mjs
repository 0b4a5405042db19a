// Holds an OpenAPI document against the specification's own schemas. Prints what it finds as one line of JSON.
//
//   node validate-openapi.mjs openapi.json

import { readFile } from "node:fs/promises";

import { Validator } from "@seriousme/openapi-schema-validator";

const validator = new Validator();
const { valid, errors } = await validator.validate(JSON.parse(await readFile(process.argv[2], "utf8")));
console.log(JSON.stringify({ valid, version: validator.version, errors }));
