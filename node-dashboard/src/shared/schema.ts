import { Type, type Static, type TArrayOptions, type TObject, type TProperties, type TSchema } from 'typebox';

/** The type that a schema describes. */
export type Of<Schema extends TSchema> = Readonly<Static<Schema>>;

/** A text. */
export const text = Type.String();
/** A number, whole or not. */
export const number = Type.Number();
/** A whole number. */
export const integer = Type.Integer();
/** True or false. */
export const flag = Type.Boolean();
/** A time. */
export const time = Type.Integer({ description: 'milliseconds since the epoch' });
/** How often what was counted. */
export const counts = Type.Record(Type.String(), Type.Integer());

/** A list whose items nobody changes. */
export function list<Item extends TSchema>(items: Item, options: TArrayOptions = {}) {
  return Type.Immutable(Type.Array(items, options));
}

/** What may also be null, since it is not known or there is none. */
export function nullable<Schema extends TSchema>(schema: Schema, options: object = {}) {
  const { type } = schema as { readonly type?: string };
  return Type.Unsafe<Static<Schema> | null>({ ...schema, ...options, type: [type, 'null'] });
}

/** One of these texts. */
export function oneOf<const Names extends readonly string[]>(names: Names, options: object = {}) {
  return Type.Unsafe<Names[number]>({ type: 'string', enum: names, ...options });
}

/** The names of the properties of an object that are always there. */
export function requiredOf<Properties extends TProperties>(object: TObject<Properties>): readonly string[] {
  return (object as { readonly required?: readonly string[] }).required ?? [];
}
