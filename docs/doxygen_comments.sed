# Plain comments to Doxygen's.  The first line of a header, "velbo/x.h - what it is", documents the file.
1s|^// (velbo/[a-z_/]+\.h) - (.*)|/// \\file \1\n/// \2|
# What follows a declaration on its line documents it.
s|([;,{}]) +// (.*)$|\1  ///< \2|
t
# Enumerators without a comma.
s|^( +[a-z_]+) +// (.*)$|\1  ///< \2|
t
s|^( *)// (.*)$|\1/// \2|
s|^( *)//$|\1///|
