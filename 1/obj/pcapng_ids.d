1/obj/pcapng_ids.o: tracer/pcapng_ids.c tracer/pcapng_ids.h
tracer/pcapng_ids.h:
