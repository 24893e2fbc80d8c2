; Items are known in the whole file, the names of `for` inside what it makes.

(source_file) @local.scope
(item) @local.scope
(stage) @local.scope
(list) @local.scope

(param name: (identifier) @local.definition.constant)
(let name: (identifier) @local.definition.constant)
(secret name: (identifier) @local.definition.constant)
(item name: (identifier) @local.definition.type)
(stage name: (identifier) @local.definition.label)
(binder name: (identifier) @local.definition.parameter)

(identifier) @local.reference
