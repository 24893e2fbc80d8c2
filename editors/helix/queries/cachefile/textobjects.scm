(item body: (_) @class.inside) @class.around
(comment) @comment.inside
(comment)+ @comment.around
(argument value: (_) @parameter.inside) @parameter.around
(entry value: (_) @entry.inside) @entry.around
(attribute value: (_) @entry.inside) @entry.around
