#pragma once
/// Lists of options that several structs have, each a macro that calls OPTION(type, name, value)
/// for every option with the value that it has where it is not given. These are what it calls.

/// Declares the option as a member of a struct.
#define NYALA_OPTION_MEMBER(type, option, value) type option = value;
/// Takes it over from the struct `args`, within the braces that make another one.
#define NYALA_OPTION_COPY(type, option, value) .option = args.option,
