1/obj/resolve.o: tracer/resolve.c tracer/resolve.h \
 tracer/resolve_system.h
tracer/resolve.h:
tracer/resolve_system.h:
