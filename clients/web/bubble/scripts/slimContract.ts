import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/**
 * Leaves out of what residents load whatever of the contract a browser has no use for:
 *
 * - the JSON form of messages. The SDK speaks the binary form only;
 * - of the description of descriptors, what is there for editors, generators and later syntaxes than the contract's;
 * - base64 around the descriptors of the generated code, which hides from compression what repeats in them.
 */
export function slimContract(): Plugin {
  return {
    name: "kupla:slim-contract",
    // On the files as they are generated, before anything else has changed them.
    enforce: "pre",
    load: {
      filter: { id: [jsonForm, described] },
      handler(id) {
        const code = readFileSync(id, "utf8");
        return jsonForm.test(id) ? withoutJson(code) : withoutUnused(code);
      },
    },
    transform: {
      filter: { id: [generated, ours] },
      handler(code, id) {
        if (generated.test(id)) {
          return { code: withoutBase64(code), map: null };
        }
        if (/\b(from|to)Json(String)?\b/.test(code)) {
          this.error("the chat is built without the JSON form of messages");
        }
        return null;
      },
    },
  };
}

const jsonForm = /\/@bufbuild\/protobuf\/dist\/esm\/(from|to)-json\.js$/;
const described = /\/@bufbuild\/protobuf\/dist\/esm\/wkt\/gen\/google\/protobuf\/descriptor_pb\.js$/;
const generated = /\/gen\/es\/src\/kupla\/.*_pb\.ts$/;
const ours = /\/clients\/web\/.*\.tsx?$/;

/** A module with the same functions, each of which only says that it is not there. */
function withoutJson(code: string): string {
  const names = [...code.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);
  if (names.length === 0) {
    throw new Error("the JSON form of messages is somewhere else: has the library changed?");
  }
  return `function absent() { throw new Error("built without JSON"); }\nexport { ${names.map((name) => `absent as ${name}`).join(", ")} };\n`;
}

/** What the library reads of a description, by message of descriptor.proto. Of all other messages it reads nothing. */
const read: Record<string, readonly string[]> = {
  FileDescriptorProto: ["name", "package", "message_type", "enum_type", "service", "extension", "syntax", "edition"],
  DescriptorProto: ["name", "field", "extension", "nested_type", "enum_type", "oneof_decl", "options"],
  FieldDescriptorProto: [
    ...["name", "number", "label", "type", "type_name", "extendee", "default_value", "oneof_index", "json_name"],
    ...["options", "proto3_optional"],
  ],
  OneofDescriptorProto: ["name"],
  EnumDescriptorProto: ["name", "value"],
  EnumValueDescriptorProto: ["name", "number"],
  ServiceDescriptorProto: ["name", "method"],
  MethodDescriptorProto: ["name", "input_type", "output_type", "options", "client_streaming", "server_streaming"],
  MessageOptions: ["map_entry"],
  FieldOptions: ["packed", "jstype"],
  MethodOptions: ["idempotency_level"],
};

const unmarkedEnum = /^\}\)\(\w+ \|\| /m;

interface Described {
  readonly name: string;
  readonly field?: readonly { readonly name: string; readonly typeName?: string }[];
  readonly enumType?: readonly { readonly name: string }[];
}

/**
 * Takes the fields out of descriptor.proto that are not read: what a description says in them is then passed over. And
 * makes its enums such that those are left out that nobody names.
 */
export function withoutUnused(code: string): string {
  const literal = /\bboot\((\{.*\})\)/.exec(code)?.[1];
  if (literal === undefined) {
    throw new Error("descriptor.proto is written otherwise: has the library changed?");
  }
  const file = JSON.parse(literal) as { messageType: Described[]; enumType: Described[] };
  for (const [name, fields] of Object.entries(read)) {
    const message = file.messageType.find((candidate) => candidate.name === name);
    const missing = fields.filter((field) => !message?.field?.some((candidate) => candidate.name === field));
    if (missing.length > 0) {
      throw new Error(`${name} of descriptor.proto has no ${missing.join(", ")}: has the library changed?`);
    }
  }
  // Messages stay, if only by name, and so do top-level enums: those after them are counted.
  const messageType = file.messageType.map(({ name, field = [], enumType = [] }) => {
    const kept = field.filter((candidate) => read[name]?.includes(candidate.name));
    const isNamed = (type: string) => kept.some(({ typeName }) => typeName?.endsWith(`.${name}.${type}`));
    return { name, field: kept, enumType: enumType.filter((candidate) => isNamed(candidate.name)) };
  });
  const slim = code.replace(literal, () => JSON.stringify({ ...file, messageType }));
  // The library marks as pure, and so to be left out where nobody asks for it, everything but its enums.
  const pure = slim.replace(
    /^export var (\w+);\n\(function \(\1\) (\{.*?)^\}\)\(\1 \|\| \(\1 = \{\}\)\);$/gms,
    "export const $1 = /*@__PURE__*/ (function ($1) $2    return $1;\n})({});",
  );
  if (unmarkedEnum.test(pure) || pure === slim) {
    throw new Error("the enums of descriptor.proto are written otherwise: has the library changed?");
  }
  return pure;
}

/** Writes the descriptor of a generated file in the characters that its bytes stand for. */
export function withoutBase64(code: string): string {
  const [whole, descriptor] = /fileDesc\("([^"]*)"/.exec(code) ?? [];
  if (whole === undefined || descriptor === undefined) {
    throw new Error("a file of the contract has no descriptor: has the generator changed?");
  }
  return code.replace(whole, () => `fileDesc(/*@__PURE__*/ btoa(${JSON.stringify(atob(descriptor))})`);
}
