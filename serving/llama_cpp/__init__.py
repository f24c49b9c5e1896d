"""llama.cpp's own server, from the wheel `xllamacpp`: its arguments, its process, its client."""
