[(block) (map) (list) (arguments) (parentheses)] @indent

["}" "]" ")"] @outdent
