import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  fromBinary,
} from "@bufbuild/protobuf";
import { boot, type GenFile, messageDesc } from "@bufbuild/protobuf/codegenv2";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, file_google_protobuf_descriptor } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { withoutBase64, withoutUnused } from "./slimContract.ts";

const folder = fileURLToPath(new URL("../../../../gen/es/src/kupla/v1/", import.meta.url));
const library = fileURLToPath(import.meta.resolve("@bufbuild/protobuf/wkt"));
const descriptor = readFileSync(library.replace(/index\.js$/, "gen/google/protobuf/descriptor_pb.js"), "utf8");
const slimDescriptor = withoutUnused(descriptor);

const contract = new Map<string, { full: DescFile; code: string }>();
for (const name of readdirSync(folder)) {
  const module = (await import(folder + name)) as Record<string, DescFile>;
  const full = Object.values(module).find((value) => (value as DescFile).kind === "file");
  if (full === undefined) throw new Error(`${name} describes no file`);
  contract.set(full.proto.name, { full, code: readFileSync(folder + name, "utf8") });
}

const slimSchema = messageDesc(
  boot(JSON.parse(/\bboot\((\{.*\})\)/.exec(slimDescriptor)?.[1] ?? "") as Parameters<typeof boot>[0]) as GenFile,
  file_google_protobuf_descriptor.messages.findIndex(({ name }) => name === "FileDescriptorProto"),
);

/** The bytes of a descriptor as the built code has them. */
function bytesIn(code: string): Uint8Array {
  const text = /btoa\(("(?:[^"\\]|\\.)*")\)/.exec(code)?.[1];
  expect(text).toBeDefined();
  return Uint8Array.from(JSON.parse(text ?? "") as string, (character) => character.charCodeAt(0));
}

/** A file as a browser reads it: described by the slim description, and so are the files that it needs. */
function readSlim({ name, full, code }: { name: string; full: DescFile; code: string }): DescFile {
  const root = fromBinary(slimSchema, bytesIn(withoutBase64(code))) as FileDescriptorProto;
  root.dependency = full.dependencies.map(({ proto }) => proto.name);
  const file = createFileRegistry(root, (needed) => {
    const ours = contract.get(needed);
    if (ours !== undefined) return readSlim({ name: needed, ...ours });
    return full.dependencies.find(({ proto }) => proto.name === needed);
  }).getFile(name);
  if (file === undefined) throw new Error(`${name} is not in its own registry`);
  return file;
}

// All that the descriptors tell but where they stand, and the names of fields in JSON: the library puts those in later.
const fieldOf = (field: DescField) => ({
  ...Object.fromEntries(Object.entries(field).filter(([, value]) => !["object", "function"].includes(typeof value))),
  jsonName: undefined,
  default: field.fieldKind === "scalar" || field.fieldKind === "enum" ? field.getDefaultValue() : undefined,
  message: field.message?.typeName,
  enum: field.enum?.typeName,
  oneof: field.oneof?.name,
});
const enumOf = ({ typeName, open, values }: DescEnum) => ({
  typeName,
  open,
  values: values.map(({ name, number, localName }) => ({ name, number, localName })),
});
const messageOf = ({ typeName, fields, oneofs, nestedEnums, nestedMessages }: DescMessage): unknown => ({
  typeName,
  fields: fields.map(fieldOf),
  oneofs: oneofs.map(({ name, localName, fields }) => ({ name, localName, fields: fields.map((field) => field.name) })),
  enums: nestedEnums.map(enumOf),
  messages: nestedMessages.map(messageOf),
});
const methodOf = ({ name, localName, methodKind, input, output, idempotency }: DescMethod) => ({
  ...{ name, localName, methodKind, idempotency },
  input: input.typeName,
  output: output.typeName,
});
const fileOf = (file: DescFile) => ({
  name: file.name,
  enums: file.enums.map(enumOf),
  messages: file.messages.map(messageOf),
  services: file.services.map(({ typeName, methods }) => ({ typeName, methods: methods.map(methodOf) })),
});

test("there are files to slim", () => {
  expect(contract.size).toBeGreaterThan(10);
});

test("the description of descriptors is smaller, and must be the one that is known", () => {
  expect(slimDescriptor.length).toBeLessThan(descriptor.length);
  expect(() => withoutUnused(descriptor.replaceAll("map_entry", "map_entries"))).toThrow("MessageOptions");
  expect(() => withoutUnused(descriptor.replaceAll("export var", "export let"))).toThrow("enums");
});

describe.each([...contract].map(([name, file]) => ({ name, ...file })))("$name", (file) => {
  test("is read as the whole one is", () => {
    expect(fileOf(readSlim(file))).toEqual(fileOf(file.full));
  });

  test("has the same bytes without base64", () => {
    const before = base64Decode(/fileDesc\("([^"]*)"/.exec(file.code)?.[1] ?? "");
    expect(bytesIn(withoutBase64(file.code))).toEqual(before);
  });
});
