1/obj/resolve_system.o: tracer/resolve_system.c tracer/resolve_system.h \
 tracer/resolve.h
tracer/resolve_system.h:
tracer/resolve.h:
