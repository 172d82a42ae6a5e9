build/obj/main.o: tracer/main.c tracer/cmd_doctor.h tracer/cmd_fields.h \
 tracer/cmd_view.h tracer/view.h
tracer/cmd_doctor.h:
tracer/cmd_fields.h:
tracer/cmd_view.h:
tracer/view.h:
